"""What a program sends to AWS stays here: a proxy that answers for AWS's hosts, and the variables that lead to it.

The endpoint in the environment keeps most clients here; for programs that name AWS's hosts themselves there is the
proxy.
"""
