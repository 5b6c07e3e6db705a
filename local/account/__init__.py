"""The account itself: what runs in the emulator's process."""
