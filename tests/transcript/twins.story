# One key on two machines is a byzantine validator made of correct parts. Cut from 22 s to 62 s between {0, 1} and {2, 3, 4};
# node 4 runs with the key of node 0, so each side believes that it has its vote.
scenario: twins.yaml
options: --twin 0=4 seed=6
from: 33
to: 160
nodes: 0 1 4
show: block_produced(height, block, parent)
show: vote_cast(kind, instance, round, value) instance=2
show: checkpoint_decided(instance, block) instance=2
show: evidence_found(kind, instance)

[  33] 0 block_produced height=9 block=9a parent=8b
[  33] 0 block_produced height=10 block=10a parent=9a
# Side {0, 1}: no proposal arrives, prevote nil. One vote under the key of node 0 in instance 2, round 0.
[  36] 0 vote_cast kind=1 instance=2 round=0 value=nil
[  36] 1 vote_cast kind=1 instance=2 round=0 value=nil
[  41] 0 block_produced height=11 block=11a parent=10a
[  43] 0 block_produced height=12 block=12a parent=11a
# Side {2, 3, 4}: three validators by key, 4 voting with the key of 0: prevote 8a in the same instance and round. Enough to decide.
[  44] 4 vote_cast kind=1 instance=2 round=0 value=8a
[  44] 4 vote_cast kind=2 instance=2 round=0 value=8a
[  45] 4 checkpoint_decided instance=2 block=8a
[  64] 0 block_produced height=13 block=13b parent=12a
[  66] 0 block_produced height=14 block=14a parent=13b
[  72] 4 block_produced height=14 block=14b parent=13a
[  76] 1 block_produced height=13 block=13c parent=12b
[  76] 1 block_produced height=14 block=14c parent=13c
# 80 s: over the healed links the two prevotes meet at 0 and 1: S1 (kind 1), one voter, two prevotes of one round (chain 1.5).
# What was decided on the larger side is a checkpoint for all (they are told of the newest, instance 3): 0 and 1 leave their branch.
[  80] 0 evidence_found kind=1 instance=2
[  80] 1 evidence_found kind=1 instance=2
[  82] 4 block_produced height=15 block=15a parent=14b
# The evidence is a transaction of whoever found it. From the block that includes it on the key is jailed (wire 6): neither 0 nor 4
# makes another block; node 1 does.
[  83] 1 block_produced height=16 block=16a parent=15a
[ 102] 1 block_produced height=19 block=19a parent=18a
[ 108] 1 block_produced height=20 block=20a parent=19a
[ 114] 1 block_produced height=22 block=22a parent=21a
[ 115] 1 block_produced height=23 block=23a parent=22a
[ 128] 1 block_produced height=26 block=26a parent=25a
[ 141] 1 block_produced height=31 block=31a parent=30a
[ 150] 1 block_produced height=32 block=32a parent=31a
