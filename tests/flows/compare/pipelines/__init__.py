"""Small pipelines that are not what they should be."""
