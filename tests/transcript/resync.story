# Votes that flew while a machine was off reach it later: VOTE_HAVE says what it lacks, peers send that and no more.
# Node 2 is off from 17 s to 62 s, node 3 to the end; so 0 and 1 alone vote, and wait.
scenario: resync.yaml
from: 17
to: 64
nodes: 0 1 2 3
show: node_down()
show: node_up()
show: block_produced(height, block)
show: vote_cast(kind, instance, round, value)
show: checkpoint_decided(instance, height, block, round)
recv: 2 VOTE_HAVE VOTE_BUNDLE PROPOSAL DECISION

[  17] 2 node_down
[  17] 3 node_down
# Half of the weight makes blocks (at half the rate), and there is nobody to form a quorum.
[  22] 0 block_produced height=3 block=3a
[  35] 1 block_produced height=4 block=4a
[  36] 0 block_produced height=5 block=5a
# Block 6a: 4a is proposed; two prevotes of four wait. These bundles flew while node 2 was off.
[  57] 0 vote_cast kind=1 instance=1 round=0 value=4a
[  57] 1 block_produced height=6 block=6a
[  57] 1 vote_cast kind=1 instance=1 round=0 value=4a
[  58] 1 block_produced height=7 block=7a
# 62 s: node 2 comes back. decision 2: each new link begins with VOTE_HAVE; the peers send their two prevotes and the proposal.
# Node 2 adds the third prevote: more than two thirds, precommits, decided in the same round 0.
[  62] 0 vote_cast kind=2 instance=1 round=0 value=4a
[  62] 0 checkpoint_decided instance=1 height=4 block=4a round=0
[  62] 1 vote_cast kind=2 instance=1 round=0 value=4a
[  62] 1 checkpoint_decided instance=1 height=4 block=4a round=0
[  62] 2 node_up
# Its turn at height 3 is long past and nobody has greeted it yet: a block that nobody builds on.
[  62] 2 block_produced height=3 block=3b
[  62] 2 recv VOTE_HAVE from 0
[  62] 2 recv VOTE_HAVE from 1
[  62] 2 recv VOTE_BUNDLE from 0
[  62] 2 recv PROPOSAL from 0
[  62] 2 recv VOTE_BUNDLE from 1
[  62] 2 recv PROPOSAL from 1
[  62] 2 vote_cast kind=1 instance=1 round=0 value=4a
[  62] 2 vote_cast kind=2 instance=1 round=0 value=4a
[  62] 2 recv VOTE_BUNDLE from 0
[  62] 2 recv VOTE_BUNDLE from 1
[  62] 2 checkpoint_decided instance=1 height=4 block=4a round=0
[  62] 2 recv VOTE_BUNDLE from 0
[  62] 2 recv VOTE_BUNDLE from 1
