"""How the API speaks: operations, resources, fields, problems, keys, pages, the contract. Knows no resource."""
