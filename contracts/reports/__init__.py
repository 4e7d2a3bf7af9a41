"""What people and programs get to see of a `contracts.core.model.Result`: one module a form."""
