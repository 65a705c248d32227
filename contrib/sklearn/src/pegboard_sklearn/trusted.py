"""Types of scikit-learn, NumPy and SciPy that a load may make, beyond those that skops knows.

All of them only hold data: to make one runs no code but their own. They are named one by one, as
among what those packages define there are functions that run whatever they are given. Data that
compiled code would follow anywhere is checked when it is read (see ``soundness``).
"""

from __future__ import annotations

from collections.abc import Iterable

_NAMES = {
    "collections": "OrderedDict",
    "numpy": "dtype mean median max min",
    "scipy.interpolate._bsplines": "BSpline",
    "scipy.sparse._bsr": "bsr_matrix bsr_array",
    "scipy.sparse._coo": "coo_matrix coo_array",
    "scipy.sparse._csc": "csc_matrix csc_array",
    "scipy.sparse._csr": "csr_matrix csr_array",
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
    "sklearn.cluster._bisect_k_means": "_BisectingTree",
    "sklearn.cluster._kmeans": "_kmeans_single_elkan _kmeans_single_lloyd",
    "sklearn.ensemble._gb_losses": "BinomialDeviance LeastSquaresError MultinomialDeviance",
    "sklearn._loss.link": "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit",
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_oneway f_regression "
    "r_regression",
    "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels": "CompoundKernel ConstantKernel DotProduct ExpSineSquared "
    "Exponentiation Hyperparameter Matern Product RBF RationalQuadratic Sum WhiteKernel",
    "sklearn.metrics._classification": "accuracy_score balanced_accuracy_score brier_score_loss "
    "d2_brier_score d2_log_loss_score f1_score jaccard_score log_loss matthews_corrcoef "
    "precision_score recall_score",
    "sklearn.metrics._ranking": "average_precision_score roc_auc_score top_k_accuracy_score",
    "sklearn.metrics._regression": "d2_absolute_error_score explained_variance_score max_error "
    "mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance "
    "mean_poisson_deviance mean_squared_error mean_squared_log_error median_absolute_error "
    "r2_score root_mean_squared_error root_mean_squared_log_error",
    "sklearn.metrics._scorer": "_MultimetricScorer _PassthroughScorer _Scorer "
    "negative_likelihood_ratio positive_likelihood_ratio",
    "sklearn.metrics.cluster._supervised": "adjusted_mutual_info_score adjusted_rand_score "
    "completeness_score fowlkes_mallows_score homogeneity_score mutual_info_score "
    "normalized_mutual_info_score rand_score v_measure_score",
    "sklearn.model_selection._split": "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut "
    "LeaveOneOut LeavePGroupsOut LeavePOut PredefinedSplit RepeatedKFold RepeatedStratifiedKFold "
    "ShuffleSplit StratifiedGroupKFold StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit "
    "_CVIterableWrapper",
    "sklearn.multiclass": "_ConstantPredictor",
    "sklearn.neighbors._ball_tree": "BallTree BallTree32 BallTree64",
    "sklearn.neighbors._kd_tree": "KDTree KDTree32 KDTree64",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.tree._tree": "Tree",
    "sklearn.utils._bunch": "Bunch",
}
_LOSSES = (
    "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss "
    "HalfPoissonLoss HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss"
)
_COMPILED_LOSSES = (
    "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss "
    "CyHalfPoissonLoss CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHuberLoss "
    "CyPinballLoss"
)
_DISTANCES = (
    "BrayCurtis Canberra Chebyshev Dice Euclidean Hamming Haversine Jaccard Kulsinski Mahalanobis "
    "Manhattan Matching Minkowski RogersTanimoto RussellRao SEuclidean SokalMichener SokalSneath"
)

TYPES = frozenset(
    [f"{module}.{name}" for module, names in _NAMES.items() for name in names.split()]
    + [f"sklearn._loss.loss.{name}" for name in _LOSSES.split()]
    + [f"sklearn._loss._loss.{name}" for name in _COMPILED_LOSSES.split()]
    + [
        f"sklearn.metrics._dist_metrics.{name}Distance{bits}"
        for name in _DISTANCES.split()
        for bits in ("", "32", "64")
    ]
)
"""Their fully qualified names."""


def unknown(types: Iterable[str], trusted: Iterable[str] = ()) -> list[str]:
    """Return those of ``types`` that neither this module nor ``trusted`` names."""
    return sorted(set(types) - TYPES - set(trusted))
