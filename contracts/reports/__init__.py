"""What people and programs get to see of a `contracts.core.result.Result`: one module a form."""
