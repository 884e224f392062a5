class GadgetListing(object):
    def __init__(self) -> None:
        self.swagger_types = {
            'entities': 'list[Gadget]',
            'total': 'int'
        }

        self.attribute_map = {
            'entities': 'entities',
            'total': 'total'
        }

