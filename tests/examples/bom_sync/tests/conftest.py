import pytest

from bom_sync.client import Cofactr


@pytest.fixture(params=["in process", "live"])
def mock(request):
    """The mock behind either door: what a test says holds for both."""
    return request.getfixturevalue("cofactr_mock" if request.param == "in process" else "cofactr_server")


@pytest.fixture
def client(mock):
    return Cofactr(mock.api_key, mock.url)


@pytest.fixture
def export():
    """What the PLM system gives: two assemblies, one of them with a part nobody knows."""
    return [
        {"number": "PCA-7001", "title": "Valve Driver", "revision": "A", "items": [
            {"mpn": "GRM155R61A104KA01D", "maker": "Murata", "places": "C1-C4"},
            {"mpn": "STM32F407VGT6", "maker": "STMicroelectronics", "places": "U1"}]},
        {"number": "PCA-7002", "title": "Level Sensor", "revision": "B", "items": [
            {"mpn": "RC0402FR-0710KL", "maker": "Yageo", "places": "R1, R2"},
            {"mpn": "UNKNOWN-4711", "maker": "Nobody", "places": "U1"}]},
    ]
