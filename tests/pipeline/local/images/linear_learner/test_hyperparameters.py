"""Every hyperparameter: its default, its range, and the words in which a bad value is refused."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.local.images.linear_learner.container_errors import CustomerError
from pipeline.local.images.linear_learner.hyperparameters import DEFAULTS, HIDDEN, SPECS, merge, parse

BINARY = {"predictor_type": "binary_classifier"}
MULTICLASS = {"predictor_type": "multiclass_classifier", "num_classes": "4"}
REGRESSOR = {"predictor_type": "regressor"}

# name: (bad values, what the message says is expected)
BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "predictor_type": (("classifier", "auto", ""), "accepts one of the following: 'binary_classifier', "),
    "num_classes": (("0", "1000001", "ten", "3.0"), "expects an integer greater than or equal to "),
    "feature_dim": (("0", "-1", "1.5", "many"), "pattern '^auto$'; or an integer greater than or equal to 1"),
    "mini_batch_size": (("0", "-5", "auto", "1e3", "2.0"), "expects an integer greater than or equal to 1"),
    "epochs": (("0", "auto", "1.5", " 2", "\u0662"), "expects an integer greater than or equal to 1"),
    "num_models": (("0", "1.5", "all"), "pattern '^auto$'; or an integer greater than or equal to 1"),
    "loss": (("log", "softmax_loss", "squared_loss"), "'auto', 'logistic', 'hinge_loss'"),
    "optimizer": (("adagrad", ""), "accepts one of the following: 'auto', 'sgd', 'adam', 'rmsprop'"),
    "learning_rate": (
        ("0", "-0.1", "nan", "inf", "1e999", "fast", "1_0", " 0.1", "", "\u0661"),
        "'^auto$'; or a number greater than 0",
    ),
    "wd": (("-1", "nan", "some"), "'^auto$'; or a number greater than or equal to 0"),
    "l1": (("-1e-9", "inf"), "'^auto$'; or a number greater than or equal to 0"),
    "momentum": (("1", "-0.1"), "'^auto$'; or a number greater than or equal to 0 and less than 1"),
    "beta_1": (("1.0", "-0.1"), "'^auto$'; or a number greater than or equal to 0 and less than 1"),
    "beta_2": (("1.0", "x"), "'^auto$'; or a number greater than or equal to 0 and less than 1"),
    "bias_lr_mult": (("0", "-1"), "'^auto$'; or a number greater than 0"),
    "bias_wd_mult": (("-1",), "'^auto$'; or a number greater than or equal to 0"),
    "use_bias": (("yes", "1", "auto"), "accepts one of the following: 'true', 'false'"),
    "use_lr_scheduler": (("no", ""), "accepts one of the following: 'true', 'false'"),
    "lr_scheduler_step": (("0", "2.5"), "'^auto$'; or an integer greater than or equal to 1"),
    "lr_scheduler_factor": (("0", "1"), "'^auto$'; or a number greater than 0 and less than 1"),
    "lr_scheduler_minimum_lr": (("0",), "'^auto$'; or a number greater than 0"),
    "init_method": (("xavier", "auto"), "accepts one of the following: 'uniform', 'normal'"),
    "init_scale": (("0", "auto"), "expects a number greater than 0"),
    "init_sigma": (("0", "-1"), "expects a number greater than 0"),
    "init_bias": (("nan", "inf", "none"), "expects a number"),
    "normalize_data": (("yes",), "accepts one of the following: 'auto', 'true', 'false'"),
    "normalize_label": (("1",), "accepts one of the following: 'auto', 'true', 'false'"),
    "unbias_data": (("0",), "accepts one of the following: 'auto', 'true', 'false'"),
    "unbias_label": (("",), "accepts one of the following: 'auto', 'true', 'false'"),
    "num_point_for_scaler": (("0", "auto"), "expects an integer greater than or equal to 1"),
    "num_calibration_samples": (("0", "1.5"), "'^auto$'; or an integer greater than or equal to 1"),
    "binary_classifier_model_selection_criteria": (("auc", "auto"), "'accuracy', 'f_beta', "),
    "target_recall": (("0", "1"), "expects a number greater than 0 and less than 1"),
    "target_precision": (("0", "1.5"), "expects a number greater than 0 and less than 1"),
    "f_beta": (("0", "-1"), "expects a number greater than 0"),
    "positive_example_weight_mult": (("0", "-1", "even"), "'^auto|balanced$'; or a number greater than 0"),
    "balance_multiclass_weights": (("auto",), "accepts one of the following: 'true', 'false'"),
    "accuracy_top_k": (("0", "1000001"), "expects an integer greater than or equal to 1"),
    "early_stopping_patience": (("0", "1.5"), "expects an integer greater than or equal to 1"),
    "early_stopping_tolerance": (("0", "-1"), "expects a number greater than 0"),
    "margin": (("-1",), "expects a number greater than or equal to 0"),
    "quantile": (("0", "1"), "expects a number greater than 0 and less than 1"),
    "loss_insensitivity": (("0",), "expects a number greater than 0"),
    "huber_delta": (("-1",), "expects a number greater than or equal to 0"),
}


def refusal(given: dict[str, Any]) -> str:
    with pytest.raises(CustomerError) as caught:
        parse(given)
    return str(caught.value)


def test_every_hyperparameter_is_in_the_table_of_bad_values() -> None:
    assert set(BAD) == set(SPECS)


@pytest.mark.parametrize("name", SPECS)
def test_a_bad_value_is_refused_in_the_words_of_the_container(name: str) -> None:
    values, expectation = BAD[name]
    for value in values:
        given = {**(MULTICLASS if name == "num_classes" else BINARY), name: value}
        text = refusal(given)
        assert text.startswith(
            f"Customer Error: The value '{value}' is not valid for the '{name}' hyperparameter which "
        )
        assert expectation in text
        assert text.endswith(" (caused by ValidationError)")


@pytest.mark.parametrize("name", sorted(set(SPECS) - {"predictor_type"}))
def test_the_default_of_the_container_is_accepted(name: str) -> None:
    assert parse({**BINARY, name: DEFAULTS[name]}) == parse(BINARY)


def test_an_integer_of_hundreds_of_digits_is_one_integer_more() -> None:
    assert parse({**BINARY, "mini_batch_size": "9" * 400}).mini_batch_size == int("9" * 400)
    assert "less than or equal to 1e+06" in refusal({**BINARY, "accuracy_top_k": "9" * 400})


def test_an_unknown_name_is_refused() -> None:
    assert refusal({**BINARY, "foo": "1"}) == (
        "Customer Error: Additional hyperparameters are not allowed ('foo' was unexpected) (caused by ValidationError)"
    )
    assert "('foo', 'bar' were unexpected)" in refusal({**BINARY, "foo": "1", "bar": "2"})


def test_a_missing_required_one_is_named() -> None:
    assert refusal({}) == (
        "Customer Error: No value(s) were specified for 'predictor_type' which are required hyperparameter(s) "
        "(caused by ValidationError)"
    )
    assert "for 'num_classes' which" in refusal({"predictor_type": "multiclass_classifier"})


@pytest.mark.parametrize("count", ["1", "2"])
def test_multiclass_needs_three_classes(count: str) -> None:
    assert "greater than or equal to 3" in refusal({**MULTICLASS, "num_classes": count})


def test_a_value_that_is_no_string_is_refused() -> None:
    assert "which expects a string" in refusal({**BINARY, "epochs": 5})


@pytest.mark.parametrize(
    ("given", "loss"),
    [(MULTICLASS, "logistic"), (REGRESSOR, "hinge_loss"), (REGRESSOR, "softmax_loss"), (MULTICLASS, "huber_loss")],
)
def test_a_loss_of_another_type_is_refused(given: dict[str, str], loss: str) -> None:
    assert f"The value '{loss}' is not valid for the 'loss' hyperparameter" in refusal({**given, "loss": loss})


@pytest.mark.parametrize("text", ["1", "+1", "1.", "1.0", "1e0", "10E-1", "0.1e+1"])
def test_numbers_are_read_in_every_way_of_writing_them(text: str) -> None:
    assert parse({**BINARY, "init_bias": text}).init_bias == 1.0
    assert parse({**BINARY, "init_bias": ".5"}).init_bias == 0.5


def test_booleans_are_read_in_any_case() -> None:
    assert parse({**BINARY, "use_bias": "False"}).use_bias is False
    assert parse({**BINARY, "use_bias": "TRUE", "unbias_data": "Auto"}).unbias_data is True


def test_auto_means_what_is_documented() -> None:
    binary, regressor = parse(BINARY), parse(REGRESSOR)
    assert (binary.loss, parse(MULTICLASS).loss, regressor.loss) == ("logistic", "softmax_loss", "squared_loss")
    assert (binary.optimizer, binary.bias_lr_mult, binary.bias_wd_mult) == (None, None, 0.0)
    assert (binary.momentum, binary.beta_1, binary.beta_2) == (0.0, 0.9, 0.999)
    assert (binary.normalize_label, binary.unbias_label) == (False, False)
    assert (regressor.normalize_label, regressor.unbias_label) == (True, True)
    assert parse({**REGRESSOR, "use_bias": "false"}).unbias_data is False
    assert binary.learning_rate is None and binary.num_models is None and binary.feature_dim is None


def test_labels_of_a_classifier_are_never_normalised() -> None:
    parameters = parse({**BINARY, "normalize_label": "true", "unbias_label": "true"})
    assert (parameters.normalize_label, parameters.unbias_label) == (False, False)


def test_tuning_trains_a_single_model() -> None:
    assert parse({**BINARY, "_tuning_objective_metric": "test:binary_f_beta", "num_models": "8"}).num_models == 1


def test_hidden_hyperparameters_are_accepted() -> None:
    assert parse({**BINARY, **{name: DEFAULTS[name] for name in HIDDEN}}) == parse(BINARY)


def test_merging_keeps_what_was_given() -> None:
    merged = merge({**BINARY, "epochs": "3"})
    assert (merged["epochs"], merged["predictor_type"], merged["f_beta"]) == ("3", "binary_classifier", "1.0")
