//! The words that the generated people, queues and notes are made of.

/// Given names.
pub(crate) const GIVEN: &[&str] = &[
    "Ada", "Amir", "Ana", "Bella", "Bruno", "Carla", "Chidi", "Dana", "Diego", "Elif", "Emil", "Farah",
    "Finn", "Gina", "Goran", "Hana", "Hugo", "Ines", "Ivan", "Jana", "Jonas", "Kaya", "Kofi", "Lena", "Luca",
    "Maya", "Milan", "Nadia", "Noah", "Olga", "Omar", "Petra", "Quinn", "Rafael", "Rosa", "Samir", "Sofia",
    "Tara", "Tomas", "Uma", "Vera", "Viktor", "Wanda", "Yara", "Yusuf", "Zoe",
];

/// Family names.
pub(crate) const FAMILY: &[&str] = &[
    "Abbott", "Almeida", "Baker", "Berg", "Castro", "Cole", "Dahl", "Dubois", "Eriksen", "Evans", "Fischer",
    "Frost", "Garcia", "Grant", "Haddad", "Hughes", "Ibarra", "Ito", "Jansen", "Jones", "Kaplan", "Kowalski",
    "Lang", "Lopez", "Meyer", "Moreau", "Nakamura", "Novak", "Okafor", "Olsen", "Park", "Pereira", "Quist",
    "Rossi", "Ruiz", "Sato", "Singh", "Tanaka", "Thomas", "Ueda", "Varga", "Vidal", "Weber", "Wong",
    "Yilmaz", "Zanetti",
];

/// Departments.
pub(crate) const DEPARTMENTS: &[&str] = &["Billing", "Logistics", "Operations", "Sales", "Support"];

/// Job titles.
pub(crate) const TITLES: &[&str] =
    &["Agent", "Analyst", "Senior Agent", "Supervisor", "Team Lead", "Trainer"];

/// What a queue is for. A division's queues take these in an order of their own.
pub(crate) const TOPICS: &[&str] = &[
    "Accounts",
    "Billing",
    "Callbacks",
    "Claims",
    "Complaints",
    "Deliveries",
    "Escalations",
    "Feedback",
    "Hotline",
    "Installations",
    "Licences",
    "Loyalty",
    "Onboarding",
    "Orders",
    "Payments",
    "Renewals",
    "Repairs",
    "Returns",
    "Sales",
    "Scheduling",
    "Support",
    "Technical",
    "Upgrades",
    "Warranty",
];

/// Skills of agents.
pub(crate) const SKILLS: &[&str] = &["Billing", "Complaints", "Hardware", "Networks", "Refunds", "Software"];

/// Languages of agents.
pub(crate) const LANGUAGES: &[&str] = &["Arabic", "English", "French", "German", "Portuguese", "Spanish"];

/// What agents note when a conversation ends.
pub(crate) const NOTES: &[&str] = &[
    "Asked for a call back on Friday",
    "Card ending in 4421 was declined",
    "Escalated to the second line",
    "Moved house, new address taken",
    "Promised a refund of 40",
    "Wants to speak to the manager",
];
