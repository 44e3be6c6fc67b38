"""The tests; a package, since one of the libraries installs a package named `tests` that would hide it."""
