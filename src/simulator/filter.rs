//! Analytics filters, evaluated as Genesys documents them: predicates and clauses, two levels of and/or.

use serde::Deserialize;

use super::{answer::Failure, data::Row, dimensions::Legal};

/// One element of a filter list. Elements are joined by AND.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    #[serde(rename = "type")]
    junction: Junction,
    #[serde(default)]
    clauses: Option<Vec<Clause>>,
    #[serde(default)]
    predicates: Option<Vec<Predicate>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Clause {
    #[serde(rename = "type")]
    junction: Junction,
    predicates: Vec<Predicate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Junction {
    And,
    Or,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Predicate {
    #[serde(rename = "type", default)]
    kind: Option<PredicateKind>,
    #[serde(default)]
    dimension: Option<String>,
    #[serde(default)]
    metric: Option<String>,
    #[serde(default)]
    property: Option<String>,
    #[serde(default)]
    property_type: Option<String>,
    #[serde(default)]
    operator: Option<Operator>,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    range: Option<Range>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum PredicateKind {
    Dimension,
    Property,
    Metric,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Operator {
    Matches,
    Exists,
    NotExists,
}

/// Numbers between bounds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Range {
    #[serde(default)]
    gt: Option<f64>,
    #[serde(default)]
    gte: Option<f64>,
    #[serde(default)]
    lt: Option<f64>,
    #[serde(default)]
    lte: Option<f64>,
}

impl Range {
    fn holds(&self, number: f64) -> bool {
        self.gt.is_none_or(|bound| number > bound)
            && self.gte.is_none_or(|bound| number >= bound)
            && self.lt.is_none_or(|bound| number < bound)
            && self.lte.is_none_or(|bound| number <= bound)
    }
}

impl Filter {
    /// Refuses what Genesys refuses: empty filters, unknown dimensions and metrics, predicates without a value.
    pub(super) fn check(&self, legal: &Legal) -> Result<(), Failure> {
        let clauses = self.clauses.as_deref().unwrap_or_default();
        let predicates = self.predicates.as_deref().unwrap_or_default();
        if clauses.is_empty() && predicates.is_empty() {
            return Err(Failure::invalid("A filter needs clauses or predicates"));
        }
        if clauses.iter().any(|clause| clause.predicates.is_empty()) {
            return Err(Failure::invalid("A clause needs predicates"));
        }
        let nested = clauses.iter().flat_map(|clause| &clause.predicates);
        predicates.iter().chain(nested).try_for_each(|predicate| predicate.check(legal))
    }

    /// Likewise, and more values of one kind of ids than Genesys takes (facts: 100 `userId` predicates).
    pub(super) fn check_members(&self, legal: &Legal) -> Result<(), Failure> {
        self.check(legal)?;
        let nested = self.clauses.iter().flatten().flat_map(|clause| &clause.predicates);
        let all: Vec<_> = self.predicates.iter().flatten().chain(nested).collect();
        for id in ["userId", "queueId", "flowId"] {
            if all.iter().filter(|one| one.dimension.as_deref() == Some(id)).count() > 100 {
                return Err(Failure::invalid(format!("At most 100 predicates over {id}")));
            }
        }
        Ok(())
    }

    /// Whether the row passes.
    pub(super) fn holds(&self, row: &Row) -> bool {
        let predicates = self.predicates.iter().flatten().map(|predicate| predicate.holds(row));
        let clauses = self.clauses.iter().flatten().map(|clause| {
            join(clause.junction, clause.predicates.iter().map(|predicate| predicate.holds(row)))
        });
        join(self.junction, predicates.chain(clauses))
    }
}

fn join(junction: Junction, mut parts: impl Iterator<Item = bool>) -> bool {
    match junction {
        Junction::And => parts.all(|part| part),
        Junction::Or => parts.any(|part| part),
    }
}

impl Predicate {
    fn check(&self, legal: &Legal) -> Result<(), Failure> {
        match (&self.dimension, &self.metric, &self.property) {
            (Some(name), None, None) if !legal.dimension(name) => {
                return Err(Failure::unknown(name, legal.model));
            }
            (None, Some(name), None) if !legal.metric(name) => {
                return Err(Failure::unknown(name, legal.model));
            }
            (None, None, Some(name)) if !legal.properties => return Err(Failure::unknown(name, legal.model)),
            (Some(_), None, None) | (None, Some(_), None) | (None, None, Some(_)) => {}
            _ => return Err(Failure::invalid("A predicate names one dimension, metric or property")),
        }
        let fits = match self.kind {
            None => true,
            Some(PredicateKind::Dimension) => self.dimension.is_some(),
            Some(PredicateKind::Metric) => self.metric.is_some(),
            Some(PredicateKind::Property) => self.property.is_some() && self.property_type.is_some(),
        };
        if !fits {
            return Err(Failure::invalid("The predicate's type does not fit what it names"));
        }
        let given = (self.value.is_some(), self.range.is_some());
        match (self.operator(), given) {
            (Operator::Matches, (true, false) | (false, true))
            | (Operator::Exists | Operator::NotExists, (false, false)) => Ok(()),
            (Operator::Matches, _) => Err(Failure::invalid("matches needs a value or a range")),
            (Operator::Exists | Operator::NotExists, _) => {
                Err(Failure::invalid("exists takes neither value nor range"))
            }
        }
    }

    fn operator(&self) -> Operator {
        self.operator.unwrap_or(Operator::Matches)
    }

    fn holds(&self, row: &Row) -> bool {
        // A number is read where it is compared: most filters name many ids, and are held against many rows.
        let is = |text: &str| match (&self.value, &self.range) {
            (Some(value), _) => value == text,
            (None, Some(range)) => text.parse().is_ok_and(|number| range.holds(number)),
            (None, None) => true,
        };
        let counts = |number: f64| match (&self.value, &self.range) {
            (Some(value), _) => value.parse().is_ok_and(|value: f64| (value - number).abs() < 1e-9),
            (None, Some(range)) => range.holds(number),
            (None, None) => true,
        };
        let there = match (&self.metric, &self.dimension) {
            (Some(wanted), _) => row.metrics.iter().any(|(name, number)| name == wanted && counts(*number)),
            (None, Some(wanted)) => row.dimensions.iter().any(|(name, text)| name == wanted && is(text)),
            (None, None) => false,
        };
        there != (self.operator() == Operator::NotExists)
    }
}
