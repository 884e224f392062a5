class SearchApi(object):

    def __init__(self, api_client=None):
        self.api_client = api_client

    def get_gadget_parts2(self, gadget_id: str, **kwargs) -> 'GadgetListing':
        """
        List the parts of a gadget.

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
        query_params = {}
        if 'page_size' in params:
            query_params['pageSize'] = params['page_size']
        if 'division_id' in params:
            query_params['divisionId'] = params['division_id']
        if 'made_after' in params:
            query_params['madeAfter'] = params['made_after']

        body_params = None

        response = self.api_client.call_api(resource_path, 'GET',
                                            response_type='GadgetListing',
                                            callback=params.get('callback'))
        return response

    def delete_search_index(self, **kwargs) -> None:
        """
        Forget what was found.

        :return: None
        """
        resource_path = '/api/v2/search/index'.replace('{format}', 'json')
        query_params = {}
        body_params = None
        response = self.api_client.call_api(resource_path, 'DELETE',
                                            response_type=None,
                                            callback=params.get('callback'))
        return response
