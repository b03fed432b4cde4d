"""The types of compare.json, which all parts of the comparison share; its JSON schema is generated from them."""
