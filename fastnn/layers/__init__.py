"""The layers: frozen descriptions of shapes, parameters and operations. See ``base.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._base import lazy

if TYPE_CHECKING:
    from fastnn.layers.activation import ELU as ELU
    from fastnn.layers.activation import Identity as Identity
    from fastnn.layers.activation import LeakyReLU as LeakyReLU
    from fastnn.layers.activation import ReLU as ReLU
    from fastnn.layers.activation import Softmax as Softmax
    from fastnn.layers.attention import Attention as Attention
    from fastnn.layers.attention import MultiHeadAttention as MultiHeadAttention
    from fastnn.layers.augmentation import RandomCrop as RandomCrop
    from fastnn.layers.augmentation import RandomFlip as RandomFlip
    from fastnn.layers.augmentation import RandomRotation as RandomRotation
    from fastnn.layers.augmentation import RandomTranslation as RandomTranslation
    from fastnn.layers.augmentation import RandomZoom as RandomZoom
    from fastnn.layers.base import Layer as Layer
    from fastnn.layers.convolution import Conv1D as Conv1D
    from fastnn.layers.convolution import Conv2D as Conv2D
    from fastnn.layers.convolution import DepthwiseConv1D as DepthwiseConv1D
    from fastnn.layers.convolution import DepthwiseConv2D as DepthwiseConv2D
    from fastnn.layers.dense import Activation as Activation
    from fastnn.layers.dense import Dense as Dense
    from fastnn.layers.dropout import AlphaDropout as AlphaDropout
    from fastnn.layers.dropout import Dropout as Dropout
    from fastnn.layers.dropout import SpatialDropout1D as SpatialDropout1D
    from fastnn.layers.dropout import SpatialDropout2D as SpatialDropout2D
    from fastnn.layers.edges import Edge as Edge
    from fastnn.layers.embedding import Embedding as Embedding
    from fastnn.layers.embedding import Masking as Masking
    from fastnn.layers.function import Lambda as Lambda
    from fastnn.layers.given_masks import WithMask as WithMask
    from fastnn.layers.input import Input as Input
    from fastnn.layers.input import InputLayer as InputLayer
    from fastnn.layers.known import LAYERS as LAYERS
    from fastnn.layers.known import deserialize as deserialize
    from fastnn.layers.known import from_config as from_config
    from fastnn.layers.known import serialize as serialize
    from fastnn.layers.merged import add as add
    from fastnn.layers.merged import average as average
    from fastnn.layers.merged import concatenate as concatenate
    from fastnn.layers.merged import dot as dot
    from fastnn.layers.merged import maximum as maximum
    from fastnn.layers.merged import minimum as minimum
    from fastnn.layers.merged import multiply as multiply
    from fastnn.layers.merged import subtract as subtract
    from fastnn.layers.merging import Add as Add
    from fastnn.layers.merging import Average as Average
    from fastnn.layers.merging import Concatenate as Concatenate
    from fastnn.layers.merging import Dot as Dot
    from fastnn.layers.merging import Maximum as Maximum
    from fastnn.layers.merging import Minimum as Minimum
    from fastnn.layers.merging import Multiply as Multiply
    from fastnn.layers.merging import Subtract as Subtract
    from fastnn.layers.noise import GaussianDropout as GaussianDropout
    from fastnn.layers.noise import GaussianNoise as GaussianNoise
    from fastnn.layers.normalization import BatchNormalization as BatchNormalization
    from fastnn.layers.parametric import ParametricActivation as ParametricActivation
    from fastnn.layers.periodic import Periodic as Periodic
    from fastnn.layers.pooling import AveragePooling1D as AveragePooling1D
    from fastnn.layers.pooling import AveragePooling2D as AveragePooling2D
    from fastnn.layers.pooling import AvgPool1D as AvgPool1D
    from fastnn.layers.pooling import AvgPool2D as AvgPool2D
    from fastnn.layers.pooling import GlobalAveragePooling1D as GlobalAveragePooling1D
    from fastnn.layers.pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
    from fastnn.layers.pooling import GlobalAvgPool1D as GlobalAvgPool1D
    from fastnn.layers.pooling import GlobalAvgPool2D as GlobalAvgPool2D
    from fastnn.layers.pooling import GlobalMaxPool1D as GlobalMaxPool1D
    from fastnn.layers.pooling import GlobalMaxPool2D as GlobalMaxPool2D
    from fastnn.layers.pooling import GlobalMaxPooling1D as GlobalMaxPooling1D
    from fastnn.layers.pooling import GlobalMaxPooling2D as GlobalMaxPooling2D
    from fastnn.layers.pooling import MaxPool1D as MaxPool1D
    from fastnn.layers.pooling import MaxPool2D as MaxPool2D
    from fastnn.layers.pooling import MaxPooling1D as MaxPooling1D
    from fastnn.layers.pooling import MaxPooling2D as MaxPooling2D
    from fastnn.layers.position import PositionEmbedding as PositionEmbedding
    from fastnn.layers.prelu import PReLU as PReLU
    from fastnn.layers.rearranging import Cropping1D as Cropping1D
    from fastnn.layers.rearranging import Cropping2D as Cropping2D
    from fastnn.layers.rearranging import ZeroPadding1D as ZeroPadding1D
    from fastnn.layers.rearranging import ZeroPadding2D as ZeroPadding2D
    from fastnn.layers.recurrent import GRU as GRU
    from fastnn.layers.recurrent import LSTM as LSTM
    from fastnn.layers.recurrent import SimpleRNN as SimpleRNN
    from fastnn.layers.repeating import Permute as Permute
    from fastnn.layers.repeating import RepeatVector as RepeatVector
    from fastnn.layers.repeating import UpSampling1D as UpSampling1D
    from fastnn.layers.repeating import UpSampling2D as UpSampling2D
    from fastnn.layers.sample_normalization import GroupNormalization as GroupNormalization
    from fastnn.layers.sample_normalization import LayerNormalization as LayerNormalization
    from fastnn.layers.sample_normalization import UnitNormalization as UnitNormalization
    from fastnn.layers.scale import Scale as Scale
    from fastnn.layers.separable import SeparableConv1D as SeparableConv1D
    from fastnn.layers.separable import SeparableConv2D as SeparableConv2D
    from fastnn.layers.shape import Flatten as Flatten
    from fastnn.layers.shape import Reshape as Reshape
    from fastnn.layers.standardizing import Normalization as Normalization
    from fastnn.layers.standardizing import Rescaling as Rescaling
    from fastnn.layers.transposed import Conv1DTranspose as Conv1DTranspose
    from fastnn.layers.transposed import Conv2DTranspose as Conv2DTranspose
    from fastnn.layers.wrapping import Bidirectional as Bidirectional
    from fastnn.layers.wrapping import TimeDistributed as TimeDistributed

_LAYERS = {
    "activation": "ELU Identity LeakyReLU ReLU Softmax",
    "attention": "Attention MultiHeadAttention",
    "augmentation": "RandomCrop RandomFlip RandomRotation RandomTranslation RandomZoom",
    "convolution": "Conv1D Conv2D DepthwiseConv1D DepthwiseConv2D",
    "dense": "Activation Dense",
    "dropout": "AlphaDropout Dropout SpatialDropout1D SpatialDropout2D",
    "embedding": "Embedding Masking",
    "function": "Lambda",
    "given_masks": "WithMask",
    "input": "InputLayer",
    "merging": "Add Average Concatenate Dot Maximum Minimum Multiply Subtract",
    "noise": "GaussianDropout GaussianNoise",
    "normalization": "BatchNormalization",
    "parametric": "ParametricActivation",
    "periodic": "Periodic",
    "pooling": "AveragePooling1D AveragePooling2D GlobalAveragePooling1D GlobalAveragePooling2D "
    "GlobalMaxPooling1D GlobalMaxPooling2D MaxPooling1D MaxPooling2D",
    "position": "PositionEmbedding",
    "prelu": "PReLU",
    "rearranging": "Cropping1D Cropping2D ZeroPadding1D ZeroPadding2D",
    "recurrent": "GRU LSTM SimpleRNN",
    "repeating": "Permute RepeatVector UpSampling1D UpSampling2D",
    "sample_normalization": "GroupNormalization LayerNormalization UnitNormalization",
    "scale": "Scale",
    "separable": "SeparableConv1D SeparableConv2D",
    "shape": "Flatten Reshape",
    "standardizing": "Normalization Rescaling",
    "transposed": "Conv1DTranspose Conv2DTranspose",
    "wrapping": "Bidirectional TimeDistributed",
}
_OTHERS = {
    "base": "Layer",
    "edges": "Edge",
    "input": "Input",
    "known": "LAYERS deserialize from_config serialize",
    "merged": "add average concatenate dot maximum minimum multiply subtract",
    "pooling": "AvgPool1D AvgPool2D GlobalAvgPool1D GlobalAvgPool2D "
    "GlobalMaxPool1D GlobalMaxPool2D MaxPool1D MaxPool2D",
}
CLASSES = tuple(name for listed in _LAYERS.values() for name in listed.split())

__all__ = [
    *CLASSES,
    *(name for listed in _OTHERS.values() for name in listed.split()),
]


if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.names(__name__, _LAYERS, _OTHERS)
