"""What the networks of the house cost: parameters, operations, time and memory, as ``fsa profile`` tells them."""
