"""Work of many minutes, in steps that a state machine calls one by one."""
