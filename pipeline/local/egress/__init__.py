"""Requests to AWS stay on this machine: a proxy that answers for its hosts, and the variables that lead there.

The endpoint in the environment keeps most clients here; for programs that name AWS's hosts themselves there is the
proxy.
"""
