# Two of four validators are not more than two thirds: the chain goes on on both sides of a cut, finality waits.
# Cut from 22 s to 62 s between {0, 1} and {2, 3}.
scenario: halves.yaml
from: 20
to: 67
show: block_produced(height, block, parent)
show: vote_cast(kind, round, value) instance=1
show: checkpoint_decided(instance, block, round)
show: tip_changed(block, depth) depth=4

[  21] 3 block_produced height=4 block=4a parent=3a
[  27] 0 block_produced height=5 block=5a parent=4a
# chain 1.5: on its side 0 or 1 proposes 4a at height 6. Two prevotes of four are no quorum: no precommit, no timeout to start, wait.
[  29] 0 vote_cast kind=1 round=0 value=4a
[  29] 1 block_produced height=6 block=6a parent=5a
[  29] 1 vote_cast kind=1 round=0 value=4a
[  30] 3 block_produced height=5 block=5b parent=4a
[  33] 2 block_produced height=6 block=6b parent=5b
[  35] 2 block_produced height=7 block=7a parent=6b
# The other side has heard no proposal: its time out (3 s after it entered the instance at height 6) ends in a prevote for nil.
[  36] 2 vote_cast kind=1 round=0 value=nil
[  36] 3 vote_cast kind=1 round=0 value=nil
[  40] 1 block_produced height=7 block=7b parent=6a
[  47] 2 block_produced height=8 block=8a parent=7a
[  49] 3 block_produced height=9 block=9a parent=8a
[  51] 0 block_produced height=8 block=8b parent=7b
[  52] 2 block_produced height=10 block=10a parent=9a
[  56] 3 block_produced height=11 block=11a parent=10a
[  61] 2 block_produced height=12 block=12a parent=11a
# decision 14, chain 1.2: the cut heals. The heavier branch wins on both sides: four blocks of 0 and 1 are left (depth 4) ...
[  62] 0 tip_changed block=9a depth=4
[  62] 1 tip_changed block=9a depth=4
[  62] 1 block_produced height=13 block=13a parent=12a
# ... and the votes meet: 2 prevotes for 4a and 2 for nil are all of the weight and no quorum for either: the prevote timeout of
# 1 s (already due or soon) ends in precommits for nil, those of all four, and so round 1 begins.
[  63] 0 vote_cast kind=2 round=0 value=nil
[  63] 1 vote_cast kind=2 round=0 value=nil
[  63] 2 vote_cast kind=2 round=0 value=nil
[  63] 3 vote_cast kind=2 round=0 value=nil
# Round 1: 4a is below both branches, so all prevote it; decided. Within the bound of decision 14: rest of the round, 2 rounds, 2 s.
# Checkpoints 8 and 12 are due at once, the chain being at 14.
[  64] 1 vote_cast kind=1 round=1 value=4a
[  64] 2 vote_cast kind=1 round=1 value=4a
[  64] 3 block_produced height=14 block=14a parent=13a
[  64] 3 vote_cast kind=1 round=1 value=4a
[  64] 3 block_produced height=15 block=15a parent=14a
[  65] 0 vote_cast kind=1 round=1 value=4a
[  65] 0 vote_cast kind=2 round=1 value=4a
[  65] 0 checkpoint_decided instance=1 block=4a round=1
[  65] 0 checkpoint_decided instance=2 block=8a round=0
[  65] 1 vote_cast kind=2 round=1 value=4a
[  65] 1 checkpoint_decided instance=1 block=4a round=1
[  65] 1 checkpoint_decided instance=2 block=8a round=0
[  65] 2 vote_cast kind=2 round=1 value=4a
[  65] 2 checkpoint_decided instance=1 block=4a round=1
[  65] 3 vote_cast kind=2 round=1 value=4a
[  65] 3 checkpoint_decided instance=1 block=4a round=1
[  66] 0 checkpoint_decided instance=3 block=12a round=0
[  66] 1 checkpoint_decided instance=3 block=12a round=0
[  66] 2 checkpoint_decided instance=3 block=12a round=0
[  66] 3 checkpoint_decided instance=2 block=8a round=0
[  66] 3 checkpoint_decided instance=3 block=12a round=0
