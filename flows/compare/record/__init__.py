"""The types of compare.json, which observing, judging and reporting share; its JSON schema is generated from them."""
