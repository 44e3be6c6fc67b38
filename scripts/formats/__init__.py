"""Formats in and out: from files of any kind to tables of numbers, and recordIO."""
