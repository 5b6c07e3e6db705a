"""The account itself: the code in the emulator's process."""
