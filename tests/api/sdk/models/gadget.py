class Gadget(object):
    def __init__(self) -> None:
        self.swagger_types = {
            'id': 'str',
            'made_on': 'date',
            'state': 'str',
            'parts': 'list[Gadget]',
            'maker': 'Maker',
            'labels': 'dict(str, object)'
        }

        self.attribute_map = {
            'id': 'id',
            'made_on': 'madeOn',
            'state': 'state',
            'parts': 'parts',
            'maker': 'maker',
            'labels': 'labels'
        }

    @property
    def id(self) -> str:
        return self._id

    @id.setter
    def id(self, id: str) -> None:
        """
        Sets the id of this Gadget.
        """
        

        self._id = id

    @property
    def state(self) -> str:
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        """
        Sets the state of this Gadget.
        """
        if isinstance(state, int):
            state = str(state)
        allowed_values = ["new", "worn"]
        if state.lower() not in map(str.lower, allowed_values):
            self._state = "outdated_sdk_version"
        else:
            self._state = state
