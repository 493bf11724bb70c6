"""Answers of an exported model in the runtimes that people deploy it to; each `(model, images, folder) -> array`."""

import numpy as np


def saved_model(model, images, folder):
    import tensorflow as tf

    model.export(folder / "saved", verbose=False)
    loaded = tf.saved_model.load(folder / "saved")  # its variables live as long as it does
    return loaded.serve(images)


def onnx(model, images, folder, **signature):
    import onnxruntime

    path = str(folder / "model.onnx")
    model.export(path, format="onnx", verbose=False, **signature)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    return session.run(None, {session.get_inputs()[0].name: images})[0]


def litert(model, images, folder):
    path = folder / "model.tflite"
    model.export(str(path), format="litert", verbose=False)
    return _interpret(path.read_bytes(), images)


def tflite_converter(model, images, folder):
    import tensorflow as tf

    return _interpret(tf.lite.TFLiteConverter.from_keras_model(model).convert(), images)


def _interpret(content, images):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(place, images)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def openvino(model, images, folder):
    import openvino

    path = str(folder / "model.xml")
    model.export(path, format="openvino", verbose=False)
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(compiled(images)[0])


RUNTIMES = {
    "saved_model": saved_model,
    "onnx": onnx,
    "litert": litert,
    "tflite_converter": tflite_converter,
    "openvino": openvino,
}
