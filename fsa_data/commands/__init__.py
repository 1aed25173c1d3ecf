"""Commands of ``fsa``, one file each."""
