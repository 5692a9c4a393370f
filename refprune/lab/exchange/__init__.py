"""Networks out into the world and back: ONNX files, and the names that PyTorch gives to parameters."""
