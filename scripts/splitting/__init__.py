"""From tables to train, validation and test: labels, classes, the split, the shuffle, the parts."""
