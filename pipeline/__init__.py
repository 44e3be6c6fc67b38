"""The engineer's tool: compose the definition, plan, upsert, start, follow, on AWS and on localhost alike."""
