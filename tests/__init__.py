"""The tests. What Python makes of their files is kept, whatever the environment says: each worker would make it all."""

import sys

sys.dont_write_bytecode = False
