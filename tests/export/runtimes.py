"""The runtimes that models are deployed to; each takes a model and a folder, and gives `images -> list of outputs`."""


def saved_model(model, folder):
    import tensorflow as tf

    model.export(folder / "saved", verbose=False)
    loaded = tf.saved_model.load(folder / "saved")  # its variables live as long as it does
    return lambda images: loaded.serve(images)


def onnx(model, folder):
    import keras
    import onnxruntime

    # Keras wants the signature of a model that was never called; the other formats do without.
    signature = [keras.InputSpec(shape=model.input_shape, dtype="float32")]
    model.export(str(folder / "model.onnx"), format="onnx", verbose=False, input_signature=signature)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
    return lambda images: session.run(None, {session.get_inputs()[0].name: images})


def litert(model, folder):
    path = folder / "model.tflite"
    model.export(str(path), format="litert", verbose=False)
    return _interpreted(path.read_bytes())


def tflite_converter(model, folder):
    import tensorflow as tf

    return _interpreted(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def _interpreted(content):
    from ai_edge_litert.interpreter import Interpreter

    def run(images):
        interpreter = Interpreter(model_content=content)
        place = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(place, images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(place, images)
        interpreter.invoke()
        return [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]

    return run


def openvino(model, folder):
    import openvino

    model.export(str(folder / "model.xml"), format="openvino", verbose=False)
    compiled = openvino.Core().compile_model(str(folder / "model.xml"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: list(compiled(images).values())


RUNTIMES = (saved_model, onnx, litert, tflite_converter, openvino)
