class Maker(object):
    def __init__(self) -> None:
        self.swagger_types = {
            'name': 'str',
            'score': 'float',
            'active': 'bool'
        }

        self.attribute_map = {
            'name': 'name',
            'score': 'score',
            'active': 'active'
        }

