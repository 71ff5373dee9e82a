"""Names of Keras 3 that are not there yet, and what a module says when it is asked for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tensorcore import missing

NOT_THERE_YET: dict[str, str] = {
    "tensorcore.keras": (
        "FloatDTypePolicy Function KerasTensor Operation Quantizer RematScope "
        "StatelessScope SymbolicScope applications config device distillation "
        "distribution dtype_policies export name_scope quantizers remat "
        "visualization wrappers"
    ),
    "tensorcore.keras.callbacks": ("OrbaxCheckpoint RemoteMonitor SwapEMAWeights"),
    "tensorcore.keras.initializers": ("IdentityInitializer STFT STFTInitializer stft"),
    "tensorcore.keras.layers": (
        "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D "
        "AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D AugMix "
        "AutoContrast AveragePooling3D AvgPool3D "
        "ContrastLimitedAdaptiveHistogramEqualization Conv3D Conv3DTranspose ConvLSTM1D "
        "ConvLSTM2D ConvLSTM3D Convolution3D Convolution3DTranspose Cropping3D CutMix "
        "Equalization FlaxLayer GlobalAveragePooling3D GlobalAvgPool3D "
        "GlobalMaxPool3D GlobalMaxPooling3D GroupQueryAttention HashedCrossing Hashing "
        "JaxLayer MaxNumBoundingBoxes MaxPool3D MaxPooling3D MelSpectrogram MixUp "
        "Pipeline RandAugment RandomColorDegeneration RandomColorJitter "
        "RandomElasticTransform RandomErasing "
        "RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective "
        "RandomPosterization RandomSaturation RandomSharpness RandomShear "
        "ReversibleEmbedding STFTSpectrogram "
        "Solarization SpatialDropout3D SpectralNormalization TFSMLayer TorchModuleWrapper "
        "UpSampling3D ZeroPadding3D "
    ),
    "tensorcore.keras.losses": (
        "CTC CategoricalGeneralizedCrossEntropy Circle "
        "categorical_generalized_cross_entropy circle ctc"
    ),
    "tensorcore.keras.optimizers": (
        "Adafactor Lamb MultiOptimizer Muon OptimizerMap ScheduleFreeAdamW"
    ),
    "tensorcore.keras.utils": (
        "Config FeatureSpace Progbar "
        "audio_dataset_from_directory bounding_boxes clear_session "
        "disable_interactive_logging enable_interactive_logging get_registered_name "
        "get_registered_object get_source_inputs "
        "is_interactive_logging_enabled is_keras_tensor "
        "pack_x_y_sample_weight standardize_dtype "
        "unpack_x_y_sample_weight"
    ),
    "tensorcore.keras.ops": (
        "adaptive_average_pool adaptive_max_pool argpartition associative_scan average_pool "
        "batch_normalization binary_crossentropy blackman categorical_crossentropy celu conv "
        "conv_transpose correlate ctc_decode ctc_loss depthwise_conv digitize "
        "erfinv fft fft2 glu hard_shrink hard_tanh histogram ifft2 "
        "in_top_k irfft istft jvp layer_normalization linalg lu_factor max_pool "
        "moments nan_to_num normalize polar psnr rearrange rfft rms_normalization saturate_cast "
        "segment_max select separable_conv soft_shrink sparse_categorical_crossentropy "
        "sparse_plus sparsemax squareplus stft switch tanh_shrink threshold unfold vdot vectorize "
        "view_as_complex view_as_real"
    ),
    "tensorcore.keras.ops.image": (
        "affine_transform elastic_transform extract_patches_3d gaussian_blur hsv_to_rgb "
        "map_coordinates perspective_transform rgb_to_hsv scale_and_translate"
    ),
    "tensorcore.keras.random": ("beta binomial gamma"),
    "tensorcore.keras.preprocessing": (""),
    "tensorcore.keras.datasets": ("boston_housing california_housing cifar100 reuters"),
    "tensorcore.keras.saving": ("KerasFileEditor"),
    "tensorcore.keras.backend": (
        "function get_uid gradients is_float_dtype is_int_dtype placeholder result_type "
        "set_epsilon set_floatx set_image_data_format standardize_dtype"
    ),
}


def refusal(module: str, known: Iterable[str]) -> Callable[[str], Any]:
    """The `__getattr__` of a module: says that a name is not there yet, or what is near to it."""
    later = NOT_THERE_YET.get(module, "").split()

    def __getattr__(name: str) -> Any:
        raise missing.attribute(module, name, known, not_there_yet=later)

    return __getattr__
