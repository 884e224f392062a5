class GadgetsApi(object):

    def __init__(self, api_client=None):
        self.api_client = api_client

    def get_gadget_parts2(self, gadget_id: str, **kwargs) -> 'GadgetListing':
        """
        List the parts of a gadget.

        :param callback function: The callback function
            for asynchronous request. (optional)
        :param str gadget_id: Gadget ID (required)
        :param list[str] division_id: Divisions
        :param datetime made_after: From when on
        :param int page_size: Page size (required)
        :return: GadgetListing
        """
        if ('gadget_id' not in params) or (params['gadget_id'] is None):
            raise ValueError("Missing the required parameter `gadget_id`")
        if ('page_size' not in params) or (params['page_size'] is None):
            raise ValueError("Missing the required parameter `page_size`")

        resource_path = '/api/v2/gadgets/{gadgetId}/parts'.replace('{format}', 'json')
        path_params = {}
        if 'gadget_id' in params:
            path_params['gadgetId'] = params['gadget_id']

        query_params = {}
        if 'page_size' in params:
            query_params['pageSize'] = params['page_size']
        if 'division_id' in params:
            query_params['divisionId'] = params['division_id']
        if 'made_after' in params:
            query_params['madeAfter'] = params['made_after']

        body_params = None

        response = self.api_client.call_api(resource_path, 'GET',
                                            path_params,
                                            query_params,
                                            body=body_params,
                                            response_type='GadgetListing',
                                            callback=params.get('callback'))
        return response

    def post_gadgets(self, gadgets: List['Gadget'], **kwargs) -> Dict[str, List[int]]:
        """
        Make gadgets.

        :param list[Gadget] gadgets: Gadgets (required)
        :return: dict(str, list[int])
        """
        resource_path = '/api/v2/gadgets'.replace('{format}', 'json')
        query_params = {}

        body_params = None
        if 'gadgets' in params:
            body_params = params['gadgets']

        response = self.api_client.call_api(resource_path, 'POST',
                                            body=body_params,
                                            response_type='dict(str, list[int])',
                                            callback=params.get('callback'))
        return response
