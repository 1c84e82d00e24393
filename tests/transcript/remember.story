# What must survive a crash is written before what depends on it is sent: a header leaves after the record that remembers it.
# Node 2 makes the blocks; its disk takes 2 s for a flush from 8 s and from 23 s on; it loses power at 9 s and at 25.7 s.
scenario: remember.yaml
from: 8
to: 32
show: node_down()
show: node_up()
show: recovered(height)
show: block_produced(height, block, parent, delay_ms)
show: block_received(height, block)
show: evidence_found(kind)

# 9 s: block 3a has been signed at 8.4 s, its record is being written: nothing has left, nobody has received it.
[   9] 2 node_down
# 13 s: the disk knows nothing of 3a (recovered at height 2), so signing at height 3 is allowed, and the VRF of (parent, signer) gives
# the same delay, 6384 ms: published late (decision 6). One height, one header: nobody finds evidence, here or later.
[  13] 0 block_received height=3 block=3a
[  13] 1 block_received height=3 block=3a
[  13] 2 node_up
[  13] 2 recovered height=2
[  13] 2 block_produced height=3 block=3a parent=2a delay_ms=6384
# 25 s: 4a is durable two seconds after its time and leaves only now: received everywhere. Then the power fails.
[  25] 0 block_received height=4 block=4a
[  25] 1 block_received height=4 block=4a
[  25] 2 block_produced height=4 block=4a parent=3a delay_ms=15294
[  25] 2 node_down
# 29 s: recovery finds 4a and the height it signed last: 4 is not signed again, the next one is 5.
[  29] 2 node_up
[  29] 2 recovered height=4
[  31] 0 block_received height=5 block=5a
[  31] 1 block_received height=5 block=5a
[  31] 2 block_produced height=5 block=5a parent=4a delay_ms=7676
