"""Jobs of many minutes, in steps that a state machine invokes."""
