"""What people and programs get to see of a result: one module a form, all made from `contracts.model.Result` alone."""
