"""The HTTP front's parts: a small HTTP/1.1 server on 127.0.0.1, who may ask, how errors read in each protocol."""
