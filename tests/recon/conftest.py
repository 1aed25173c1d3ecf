from tests.faces.conftest import landmarker, portrait

__all__ = ["landmarker", "portrait"]
