"""mx.nd.image and mx.sym.image against the same in NumPy, with what MXNet does where it is not obvious."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import check_gradient

image = mx.nd.image
GREY = np.array([0.299, 0.587, 0.114], "float32")
PICTURE = np.random.RandomState(0).randint(0, 256, (5, 4, 3)).astype("uint8")


def array(values):
    return mx.nd.array(values, dtype=values.dtype)


def check_both(function, wanted):
    """On uint8, where results are cut off, and on float32."""
    numbers = PICTURE.astype("float32")
    made = function(array(PICTURE))
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made.asnumpy(), np.clip(wanted(numbers), 0, 255).astype("uint8"))
    assert_close(function(array(numbers / 255)), wanted(numbers / 255).astype("float32"), rtol=1e-5)


def test_to_tensor():
    assert_close(image.to_tensor(array(PICTURE)), PICTURE.transpose(2, 0, 1).astype("float32") / 255)
    batch = np.stack([PICTURE, PICTURE[::-1]])
    assert_close(image.to_tensor(array(batch)), batch.transpose(0, 3, 1, 2).astype("float32") / 255)


@pytest.mark.parametrize("mean, std", [((0.1, 0.2, 0.3), (1.0, 2.0, 4.0)), (0.5, 2.0)])
def test_normalize(mean, std):
    x = np.random.default_rng(1).normal(size=(2, 3, 4, 5)).astype("float32")
    m, s = (np.reshape(v, (-1, 1, 1)).astype("float32") for v in (mean, std))
    assert_close(image.normalize(array(x), mean=mean, std=std), (x - m) / s)
    check_gradient("_image_normalize", {"data": x[0].astype("float64")}, mean=mean, std=std)


def test_crop_and_flips():
    np.testing.assert_array_equal(
        image.crop(array(PICTURE), x=1, y=2, width=2, height=3).asnumpy(), PICTURE[2:5, 1:3]
    )
    np.testing.assert_array_equal(image.flip_left_right(array(PICTURE)).asnumpy(), PICTURE[:, ::-1])
    np.testing.assert_array_equal(image.flip_top_bottom(array(PICTURE)).asnumpy(), PICTURE[::-1])
    x = {"data": np.random.default_rng(2).normal(size=(2, 4, 3, 2))}
    check_gradient("_image_crop", x, x=1, y=0, width=2, height=3)


@ours_only  # MXNet hands the gradient on as it is
def test_gradient_of_flips():
    x = {"data": np.random.default_rng(2).normal(size=(4, 3, 2))}
    check_gradient("_image_flip_left_right", x)
    check_gradient("_image_flip_top_bottom", x)


def test_random_flips_do_both():
    mx.random.seed(1)
    for function, flipped in (
        (image.random_flip_left_right, PICTURE[:, ::-1]),
        (image.random_flip_top_bottom, PICTURE[::-1]),
    ):
        made = [function(array(PICTURE)).asnumpy() for _ in range(40)]
        same = sum((m == PICTURE).all() for m in made)
        assert same + sum((m == flipped).all() for m in made) == 40
        assert 8 <= same <= 32


def test_resize():
    ramp = np.arange(0, 240, 10).reshape(2, 4, 3).astype("uint8")
    made = image.resize(array(ramp), size=(6, 3)).asnumpy()[:, :, 0]
    np.testing.assert_array_equal(
        made, [[0, 15, 35, 55, 75, 90], [60, 75, 95, 115, 135, 150], [120, 135, 155, 175, 195, 210]]
    )
    made = image.resize(array(ramp), size=(6, 3), interp=0).asnumpy()[:, :, 0]
    np.testing.assert_array_equal(
        made, [[0, 0, 30, 60, 60, 90], [0, 0, 30, 60, 60, 90], [120, 120, 150, 180, 180, 210]]
    )
    made = image.resize(array(ramp.astype("float32")), size=(3, 1)).asnumpy()[:, :, 0]
    assert_close(made, np.array([[65, 105, 145]], "float32"))
    wide = mx.nd.zeros((2, 10, 20, 3))
    assert image.resize(wide, size=5, keep_ratio=True).shape == (2, 5, 10, 3)
    assert image.resize(wide, size=(5, 6)).shape == (2, 6, 5, 3)


def test_colours():
    f = np.float32
    check_both(lambda d: image.random_brightness(d, min_factor=1.3, max_factor=1.3), lambda x: x * f(1.3))
    check_both(
        lambda d: image.random_contrast(d, min_factor=0.7, max_factor=0.7),
        lambda x: x * f(0.7) + f(0.3) * (x @ GREY).mean(),
    )
    check_both(
        lambda d: image.random_saturation(d, min_factor=0.4, max_factor=0.4),
        lambda x: x * f(0.4) + f(0.6) * x[..., 2:] * GREY[2],
    )


def test_hue_turns():
    import colorsys

    x = PICTURE.astype("float32") / 255
    made = image.random_hue(array(x), min_factor=0.2, max_factor=0.2).asnumpy().reshape(-1, 3)
    for pixel, turned in zip(x.reshape(-1, 3), made):
        hue, light, saturation = colorsys.rgb_to_hls(*map(float, pixel))
        np.testing.assert_allclose(turned, colorsys.hls_to_rgb((hue + 0.2) % 1, light, saturation), atol=1e-5)


def test_lighting():
    x = PICTURE.astype("float32")
    once = image.adjust_lighting(array(x), alpha=(0.1, -0.2, 0.3)).asnumpy() - x
    assert_close(once, np.broadcast_to(once[0, 0], x.shape), rtol=1e-4)
    assert_close(once[0, 0], np.array([-3.698854, -3.4971438, -2.42572], "float32"), rtol=1e-3)
    assert np.abs(image.random_lighting(array(x), alpha_std=0.1).asnumpy() - x).max() < 40


def test_jitter_draws():
    mx.random.seed(3)
    jitter = {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.1}
    made = [image.random_color_jitter(array(PICTURE), **jitter).asnumpy() for _ in range(4)]
    assert any((m != made[0]).any() for m in made[1:])
    still = image.random_color_jitter(array(PICTURE), brightness=0, contrast=0, saturation=0, hue=0)
    np.testing.assert_array_equal(still.asnumpy(), PICTURE)


def test_symbols():
    symbol = mx.sym.image.normalize(
        mx.sym.image.to_tensor(mx.sym.image.resize(mx.sym.Variable("data"), size=(6, 8)))
    )
    assert symbol.infer_shape(data=(2, 5, 4, 3))[1] == [(2, 3, 8, 6)]


@ours_only
def test_errors():
    x = array(PICTURE)
    with pytest.raises(mx.MXNetError, match=r"x \+ width: got 5, expected at most the width, 4"):
        image.crop(x, x=3, y=0, width=2, height=2)
    with pytest.raises(mx.MXNetError, match=r"\[_image_to_tensor\] data: got shape \(4,4\)"):
        image.to_tensor(mx.nd.zeros((4, 4)))
    with pytest.raises(mx.MXNetError, match=r"channels: got 4, expected 1 or 3"):
        image.normalize(mx.nd.zeros((4, 2, 2)))
    with pytest.raises(mx.MXNetError, match=r"interp: got 2, expected 0"):
        image.resize(x, size=3, interp=2)
    with pytest.raises(mx.MXNetError, match=r"expected \(height, width, channels\)"):
        image.random_hue(mx.nd.zeros((2, 4, 3, 3)), min_factor=0, max_factor=1)
