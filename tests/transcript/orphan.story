# A block that comes before its parent waits for it.
scenario: orphan.yaml
from: 16
show: node_down()
show: node_up()
show: recovered(height)
show: block_produced(height, block, parent)
show: block_received(height, block)
show: tip_changed(height, block, depth)
recv: 2 BLOCK_COMPACT BLOCK

[  16] 2 node_down
# Node 2 is off while 5a is made.
[  17] 0 block_produced height=5 block=5a parent=4a
[  17] 0 tip_changed height=5 block=5a depth=0
[  17] 1 block_received height=5 block=5a
[  17] 1 tip_changed height=5 block=5a depth=0
# It is back just before 6a and hears of 6a before it has asked for what it missed (recovered at height 4).
[  20] 0 block_produced height=6 block=6a parent=5a
[  20] 0 tip_changed height=6 block=6a depth=0
[  20] 1 block_received height=6 block=6a
[  20] 1 tip_changed height=6 block=6a depth=0
[  20] 2 node_up
[  20] 2 recovered height=4
# wire 9: the compact block comes first; its parent is not known: it waits, the parent is fetched, and both enter the chain in one step:
# received in order of height, one change of tip.
[  20] 2 recv BLOCK_COMPACT from 1
[  20] 2 recv BLOCK from 0
[  20] 2 block_received height=5 block=5a
[  20] 2 block_received height=6 block=6a
[  20] 2 tip_changed height=6 block=6a depth=0
[  20] 2 recv BLOCK from 0
