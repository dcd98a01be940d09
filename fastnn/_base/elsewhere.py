"""What Keras, PyTorch and scikit-learn have under names that are not here, and what is here in their place.

Design: a table that is read with the first wrong name, because who takes over a program meets such names first; the
nearest name alone led from ``RandomBrightness`` to ``RandomCrop``. A line is names, and what to say of each; a single
word is a name in the same package.
"""

from __future__ import annotations

from collections.abc import Iterable

from fastnn._base.arguments import nearest, squeezed

SHARED = {
    "@arrays": "arrays are NumPy's",
    "@cells": "SimpleRNN, LSTM and GRU are here, without cells of your own",
    "@colours": "colours are changed before the network, such as in a fastnn.utils.PyDataset; RandomCrop, RandomFlip, "
    "RandomRotation, RandomTranslation and RandomZoom are here",
    "@cpu": "everything is computed on the CPU",
    "@encoded": "columns and texts become numbers by fastnn.sklearn.TableEncoder, or by the command fastnn train",
    "@last": "channels are last, and the first argument is the number of filters",
    "@local": "nothing is downloaded; fastnn.datasets.read_npz and fastnn.datasets.read_idx_folder read copies",
    "@loss": "a loss of your own is a NumPy function f(target, prediction), or a subclass of fastnn.losses.Loss",
    "@metric": "a metric of your own is a function f(target, prediction), or a subclass of fastnn.metrics.Metric",
    "@model": "a graph of layers is fastnn.Model(inputs, outputs), a chain fastnn.Sequential; NumPy code with its "
    "gradient is a subclass of fastnn.layers.Layer",
    "@registered": "what is your own is given to fastnn.load by custom_objects={'Mine': Mine}",
}
HERE = {
    "fastnn": """
        cuda device distribution | @cpu
        nn | layers are in fastnn.layers, losses in fastnn.losses
        optim | fastnn.optimizers, and fastnn.schedules for rates that change
        no_grad inference_mode | model(x), model.predict and model.predictor keep nothing for gradients
        manual_seed set_seed seed random | fastnn.utils.set_random_seed(0), or seed=0 of a model
        save | model.save(path)
        tensor Tensor from_numpy Variable KerasTensor numpy | @arrays
        ops | NumPy computes with arrays; layers, activations, +, * and slices compute with the edges of a graph
        saving | @registered
        mixed_precision dtype_policies DTypePolicy | dtype="float64" or "mixed_bfloat16" of a model
        applications | there are no trained models; fastnn.interop.from_keras and from_onnx take over others'
        load_model | it is fastnn.load, or fastnn.models.load_model
        preprocessing | pad_sequences and to_categorical are in fastnn.utils
        Layer | fastnn.layers.Layer
        Loss | fastnn.losses.Loss
        Metric | fastnn.metrics.Metric
        Optimizer | fastnn.optimizers.Optimizer
        Initializer | fastnn.initializers.Initializer
        Callback | fastnn.callbacks.Callback
        version | __version__
        DataLoader Dataset | fit takes arrays, a DataLoader of PyTorch, a fastnn.utils.PyDataset
        MLPClassifier MLPRegressor TabularClassifier TabularRegressor | it is in fastnn.sklearn
        export | fastnn.interop.to_onnx(model, path), fastnn.interop.to_c(model, folder)
    """,
    "fastnn.layers": """
        Linear LazyLinear | Dense(units); the width of its input is said once, by input_shape or Input
        Conv1d | Conv1D(filters, kernel_size): @last
        Conv2d | Conv2D(filters, kernel_size): @last
        Convolution1D | Conv1D
        Convolution2D | Conv2D
        SeparableConvolution1D | SeparableConv1D
        SeparableConvolution2D | SeparableConv2D
        Convolution1DTranspose ConvTranspose1d | Conv1DTranspose
        Convolution2DTranspose ConvTranspose2d | Conv2DTranspose
        BatchNorm1d BatchNorm2d | BatchNormalization(momentum=0.9, epsilon=1e-5)
        LayerNorm | LayerNormalization(epsilon=1e-5)
        GroupNorm | GroupNormalization(groups, epsilon=1e-5)
        RMSNormalization RMSNorm SpectralNormalization | LayerNormalization and GroupNormalization are here
        MaxPool1d | MaxPooling1D
        MaxPool2d | MaxPooling2D
        AvgPool1d | AveragePooling1D
        AvgPool2d | AveragePooling2D
        AdaptiveAvgPool1d AdaptiveAveragePooling1D | GlobalAveragePooling1D makes one step of all
        AdaptiveAvgPool2d AdaptiveAveragePooling2D | GlobalAveragePooling2D makes one place of all
        AdaptiveMaxPool1d AdaptiveMaxPooling1D | GlobalMaxPooling1D makes one step of all
        AdaptiveMaxPool2d AdaptiveMaxPooling2D | GlobalMaxPooling2D makes one place of all
        Dropout1d | SpatialDropout1D
        Dropout2d | SpatialDropout2D
        MultiheadAttention | MultiHeadAttention(num_heads, key_dim)
        AdditiveAttention GroupQueryAttention | Attention and MultiHeadAttention are here
        Transformer TransformerEncoderLayer | a graph of MultiHeadAttention, Add, LayerNormalization and Dense
        Module ModuleList Wrapper TorchModuleWrapper | @model
        Sequential | fastnn.Sequential
        Model | fastnn.Model
        Unflatten | Reshape
        RNN RNNCell LSTMCell GRUCell SimpleRNNCell StackedRNNCells | @cells
        CuDNNLSTM | LSTM
        CuDNNGRU | GRU
        EinsumDense | Dense
        LocallyConnected1D LocallyConnected2D | Conv1D and Conv2D share a kernel among places, Dense shares none
        ActivityRegularization | activity_regularizer= of the layer before it
        TextVectorization StringLookup IntegerLookup Hashing HashedCrossing Discretization | @encoded
        CategoryEncoding | fastnn.utils.to_categorical makes one-hot rows
        Resizing | fastnn.datasets.read_image_folder(path, size=) makes pictures one size
        CenterCrop | Cropping2D(((top, bottom), (left, right)))
        RandomBrightness RandomContrast RandomSaturation RandomHue RandomGrayscale RandomInvert | @colours
        RandomSharpness RandomColorJitter RandomGaussianBlur RandomErasing RandomShear RandomPerspective | @colours
        RandomElasticTransform CutMix MixUp AugMix RandAugment AutoContrast Equalization Solarization | @colours
    """,
    "fastnn.losses": """
        MSELoss | MeanSquaredError
        L1Loss | MeanAbsoluteError
        SmoothL1Loss HuberLoss | Huber
        BCELoss | BinaryCrossentropy
        BCEWithLogitsLoss | BinaryCrossentropy(from_logits=True)
        CrossEntropyLoss | SparseCategoricalCrossentropy(from_logits=True)
        NLLLoss | SparseCategoricalCrossentropy() behind a softmax
        KLDivLoss | KLDivergence() of shares, not of their logarithms
        PoissonNLLLoss | Poisson() behind activation="exponential"
        CosineEmbeddingLoss | CosineSimilarity
        QuantileLoss | Pinball
        CTC ctc CTCLoss Dice dice Tversky tversky Circle circle TripletMarginLoss | @loss
        CategoricalGeneralizedCrossEntropy categorical_generalized_cross_entropy | @loss
        serialize deserialize | loss.get_config() and fastnn.losses.get(config)
    """,
    "fastnn.metrics": """
        IoU BinaryIoU MeanIoU OneHotIoU OneHotMeanIoU PearsonCorrelation ConcordanceCorrelation Sum | @metric
        PrecisionAtRecall RecallAtPrecision SensitivityAtSpecificity SpecificityAtSensitivity | @metric
        accuracy_score | Accuracy
        roc_auc_score | AUC
        confusion_matrix | fastnn.plot.confusion_matrix draws one
    """,
    "fastnn.optimizers": """
        legacy | each optimizer has one form
        lr_scheduler | fastnn.schedules
        serialize deserialize | optimizer.get_config() and fastnn.optimizers.get(config)
    """,
    "fastnn.schedules": """
        StepLR | StepDecay
        MultiStepLR | PiecewiseConstantDecay
        ExponentialLR | ExponentialDecay
        LinearLR PolynomialLR | PolynomialDecay
        CosineAnnealingLR | CosineDecay
        CosineAnnealingWarmRestarts | CosineDecayRestarts
        OneCycleLR | CosineDecay(warmup_target=, warmup_steps=)
        ReduceLROnPlateau | fastnn.callbacks.ReduceLROnPlateau
        LambdaLR LearningRateScheduler | fastnn.callbacks.LearningRateScheduler
    """,
    "fastnn.callbacks": """
        ProgbarLogger | ProgressBar
        RemoteMonitor | LambdaCallback(on_epoch_end=)
        OrbaxCheckpoint | ModelCheckpoint
        SwapEMAWeights | averages of the weights are not kept
        CallbackList | fit takes a list of callbacks
    """,
    "fastnn.activations": """
        swish | silu
        hard_silu | hard_swish
        glu sparsemax threshold | as a layer, fastnn.layers.Lambda(function, gradient=)
    """,
    "fastnn.utils": """
        timeseries_dataset_from_array | utils.timeseries(series, y, length=, horizon=) makes windows
        image_dataset_from_directory | fastnn.datasets.read_image_folder(path) reads pictures
        text_dataset_from_directory | docs/howto/texts.md says how texts are read
        load_img img_to_array array_to_img | fastnn.datasets.read_image_folder reads pictures; @arrays
        register_keras_serializable get_custom_objects custom_object_scope CustomObjectScope | @registered
        split_dataset train_test_split | fit(validation_split=0.2), or sklearn.model_selection
        FeatureSpace | @encoded
        get_file | @local
        model_to_dot | plot_model
        Progbar | fastnn.callbacks.ProgressBar
        DataLoader TensorDataset | fit takes arrays, and a DataLoader of PyTorch
    """,
    "fastnn.datasets": """
        cifar10 cifar100 imdb reuters boston_housing | @local
        california_housing fetch_california_housing load_iris load_wine | sklearn.datasets has it
    """,
}


def instead(package: str, name: str, known: Iterable[str]) -> str:
    """What an error on a name that a package does not have adds: what is here in its place, or is most like it."""
    if name.startswith("__"):
        return ""
    if hint := _hint(package, name):
        return f": it is {hint}" if hint.isidentifier() else f": {hint}"
    if package == "fastnn.layers" and "3d" in name.lower():
        return ": layers are of one and two dimensions"
    public = [other for other in known if not other.startswith("_")]
    same = next((other for other in public if squeezed(other) == squeezed(name)), None)
    return f": it is {same}" if same else nearest(name, public) or f"; dir({package}) lists what there is"


def _hint(package: str, name: str) -> str | None:
    for line in HERE.get(package, "").split("\n"):
        names, _, hint = line.partition(" | ")
        if name in names.split():
            for word, text in SHARED.items():
                hint = hint.replace(word, text)
            return hint
    return None
