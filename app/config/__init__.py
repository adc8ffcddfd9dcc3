"""The YAML policy: its schema, its loader and its generated example."""
