"""Writing tasks for generative models: prompts in, checked answers out. No IO here: the adapter calls the model."""
