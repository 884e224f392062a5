class Unused(object):
    def __init__(self) -> None:
        self.swagger_types = {
            'name': 'str'
        }

        self.attribute_map = {
            'name': 'name'
        }

