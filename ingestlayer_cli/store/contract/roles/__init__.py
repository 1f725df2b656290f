"""What the rest of the program asks of a store, a file for each role. See `contract.protocols`."""
