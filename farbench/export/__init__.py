"""A trained cell outside of its benchmark: an exported folder, an ONNX file, other pictures."""
