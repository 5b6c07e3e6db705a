"""A local AWS account: the emulator on loopback, what it lacks, and the verbs that deploy into it."""
