"""What is given to the engine, and said of it: names, inputs, answers, tokens, ids."""
