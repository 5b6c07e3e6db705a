"""A local AWS account: the emulator on loopback, what the emulator lacks, and the commands that deploy into it."""
