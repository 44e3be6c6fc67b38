"""Everything an engineer sets: `pipeline.toml`, `PIPELINE_*` variables and flags as settings; parameters."""
