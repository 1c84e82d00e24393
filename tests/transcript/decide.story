# Four validators of equal weight decide a checkpoint: E = 4, d = 2.
scenario: four.yaml
to: 32
show: block_produced(height, block, parent)
show: vote_cast(kind, instance, round, value, jr)
show: checkpoint_decided(instance, height, block, round, by_certificate)

# chain 1.2: one legal time for each producer and parent; whoever comes first has made the block.
[   1] 3 block_produced height=1 block=1a parent=genesis
[  14] 3 block_produced height=2 block=2a parent=1a
[  17] 2 block_produced height=3 block=3a parent=2a
[  21] 3 block_produced height=4 block=4a parent=3a
[  27] 0 block_produced height=5 block=5a parent=4a
# chain 1.5: instance 1 is about height E = 4. Its proposer offers 4a once its tip is at height 4 + d = 6. Every validator has 4a on
# its best chain, nobody is locked: prevote (kind 1) for 4a, and nothing justifies it but the proposal (jr -1).
# Three prevotes of four are more than two thirds: lock, precommit (kind 2). Three precommits: decided, in round 0, by each node
# from the votes themselves.
[  28] 0 vote_cast kind=1 instance=1 round=0 value=4a jr=-1
[  28] 0 vote_cast kind=2 instance=1 round=0 value=4a jr=-1
[  28] 0 checkpoint_decided instance=1 height=4 block=4a round=0 by_certificate=0
[  28] 1 block_produced height=6 block=6a parent=5a
[  28] 1 vote_cast kind=1 instance=1 round=0 value=4a jr=-1
[  28] 1 vote_cast kind=2 instance=1 round=0 value=4a jr=-1
[  28] 1 checkpoint_decided instance=1 height=4 block=4a round=0 by_certificate=0
[  28] 2 vote_cast kind=1 instance=1 round=0 value=4a jr=-1
[  28] 2 vote_cast kind=2 instance=1 round=0 value=4a jr=-1
[  28] 2 checkpoint_decided instance=1 height=4 block=4a round=0 by_certificate=0
[  28] 3 vote_cast kind=1 instance=1 round=0 value=4a jr=-1
[  28] 3 vote_cast kind=2 instance=1 round=0 value=4a jr=-1
[  28] 3 checkpoint_decided instance=1 height=4 block=4a round=0 by_certificate=0
