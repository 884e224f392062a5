//! What each kind of analytics filter may speak of, as Genesys's models list it.

/// The legal names of one kind of filter.
#[derive(Debug)]
pub(super) struct Legal {
    /// The predicate's model, as errors name it.
    pub(super) model: &'static str,
    dimensions: &'static str,
    metrics: &'static str,
    /// Whether `property` predicates are legal.
    pub(super) properties: bool,
}

impl Legal {
    /// Whether the dimension is legal.
    pub(super) fn dimension(&self, name: &str) -> bool {
        self.dimensions.split_ascii_whitespace().any(|known| known == name)
    }

    /// Whether the metric is legal.
    pub(super) fn metric(&self, name: &str) -> bool {
        self.metrics.split_ascii_whitespace().any(|known| known == name)
    }
}

/// Of `conversationFilters`: the only kind that knows divisions.
pub(super) const CONVERSATION: Legal = Legal {
    model: "ConversationDetailQueryPredicate",
    dimensions: "accessAttribute conversationEnd conversationId conversationInitiator conversationStart \
        customerParticipation divisionId externalTag mediaStatsMinConversationMos \
        originatingDirection originatingSocialMediaPublic",
    metrics: "nAgentDeclined nAlertExpired nBlindTransferred nBotInteractions nCallbackAttempts \
        nCallbackOverSla nCallbackScheduled nCfcOffered nCobrowseSessions nConnected nConsult \
        nConsultTransferred nConversations nError nFlow nFlowMilestone nFlowOutcome \
        nFlowOutcomeFailed nOffered nOutbound nOutboundAbandoned nOutboundAttempted \
        nOutboundConnected nOverSla nStateTransitionError nTakeover nTransferred oAudioMessageCount \
        oExternalAudioMessageCount oExternalMediaCount oFlowMilestone oMediaCount oMessageCount \
        oMessageSegmentCount oMessageTurn oSkillExpressionApplications tAbandon tAcd tActiveCallback \
        tActiveCallbackComplete tAcw tAgentResponseTime tAgentVideoConnected tAlert tAnswered \
        tAverageAgentResponseTime tAverageCustomerResponseTime tBarging tCallbackAbandon \
        tCallbackConnect tCallbackNotReached tCallbackVirtualWait tCfcAbandon tCfcAcd tCfcAnswered \
        tCfcFlowOut tCoaching tCoachingComplete tConnected tContacting tConversationDuration \
        tDialing tFirstConnect tFirstDial tFirstEngagement tFirstResponse tFlow tFlowDisconnect \
        tFlowExit tFlowOut tFlowOutcome tHandle tHeld tHeldComplete tIvr tMonitoring \
        tMonitoringComplete tNotResponding tPark tParkComplete tScreenMonitoring tShortAbandon \
        tSnippetRecord tTalk tTalkComplete tTransmitting tUserResponseTime tVoicemail",
    properties: false,
};

/// Of `segmentFilters`.
pub(super) const SEGMENT: Legal = Legal {
    model: "SegmentDetailQueryPredicate",
    dimensions: "addressFrom addressTo agentAssistantId agentOwned ani authenticated bargedParticipantId \
        callbackNumber callbackScheduledTime canonicalExternalContactId cleared coachedParticipantId \
        conference deliveryPushed deliveryStatus destinationAddress destinationConversationId \
        detectedSpeechEnd detectedSpeechStart direction disconnectType dnis edgeId engagementSource \
        errorCode exitReason extendedDeliveryStatus externalContactId externalOrganizationId \
        flaggedReason flowId flowName flowOutType flowOutcome flowOutcomeId flowOutcomeValue \
        flowVersion groupId journeyActionId journeyActionMapId journeyCustomerId \
        journeyCustomerIdType journeyCustomerSessionId mediaCount mediaType messageType \
        monitoredParticipantId outboundCampaignId outboundContactId outboundContactListId \
        participantName protocolCallId provider purpose queueId recording remote \
        remoteNameDisplayable requestedLanguageId requestedRouting requestedRoutingSkillId \
        scoredAgentId screenMonitoredUserId screenRecording scriptId segmentEnd segmentType \
        sessionDnis sipResponseCode skillExpressionId snippetRecording subject teamId \
        transferTargetAddress transferTargetName transferType usedRouting userId wrapUpCode \
        wrapUpNote",
    metrics: "tSegmentDuration",
    properties: true,
};

/// Of `evaluationFilters`.
pub(super) const EVALUATION: Legal = Legal {
    model: "EvaluationDetailQueryPredicate",
    dimensions: "assigneeApplicable assigneeId calibrationId contextId deleted evaluationId evaluationStatus \
        evaluatorId eventTime formId formName queueId released rescored systemSubmitted userId",
    metrics: "oTotalCriticalScore oTotalScore",
    properties: false,
};

/// Of `surveyFilters`.
pub(super) const SURVEY: Legal = Legal {
    model: "SurveyDetailQueryPredicate",
    dimensions: "eventTime queueId surveyCompletedDate surveyFormContextId surveyFormId surveyId \
        surveyPartialResponse surveyPromoterScore surveyStatus surveyType userId",
    metrics: "oSurveyTotalScore",
    properties: false,
};

/// Of `resolutionFilters`: metrics alone.
pub(super) const RESOLUTION: Legal = Legal {
    model: "ResolutionDetailQueryPredicate",
    dimensions: "",
    metrics: "nNextContactAvoided",
    properties: false,
};

/// Of the one `filter` of an aggregates query, and of its `groupBy`.
pub(super) const AGGREGATE: Legal = Legal {
    model: "ConversationAggregateQueryPredicate",
    dimensions: "activeRouting activeSkillId addressFrom addressTo agentAssistantId agentBullseyeRing \
        agentOwned agentRank agentScore ani assignerId authenticated \
        canonicalExternalContactId conversationId conversationInitiator convertedFrom \
        convertedTo customerParticipation deliveryStatus destinationAddress direction \
        disconnectType divisionId dnis edgeId eligibleAgentCount errorCode \
        extendedDeliveryStatus externalContactId externalMediaCount externalOrganizationId \
        externalTag firstQueue flaggedReason flowInType flowOutType groupId interactionType \
        journeyActionId journeyActionMapId journeyActionMapVersion journeyCustomerId \
        journeyCustomerIdType journeyCustomerSessionId journeyCustomerSessionIdType \
        knowledgeBaseId mediaCount mediaType messageType originatingDirection \
        originatingSocialMediaPublic outboundCampaignId outboundContactId \
        outboundContactListId participantName peerId proposedAgentId provider purpose queueId \
        remote removedSkillId requestedLanguageId requestedRouting requestedRoutingSkillId \
        roomId routingPriority routingRing routingRule routingRuleType scoredAgentId \
        selectedAgentId selectedAgentRank selfServed sessionDnis sessionId skillExpressionId \
        stationId teamId usedRouting userId videoPresent waitingInteractionCount wrapUpCode",
    metrics: "",
    properties: false,
};

/// Of queries that know no divisions, whatever they count.
pub(super) const MEMBERS: Legal = Legal {
    model: "QueryPredicate",
    dimensions: "activeRouting addressFrom addressTo ani conversationId direction dnis externalContactId flowId flowType \
        mediaType messageType queueId requestedLanguageId requestedRouting requestedRoutingSkillId usedRouting userId",
    metrics: "",
    properties: false,
};
