//! People who come and are moved, past all permissions: what tests and demonstrations need of them.

use serde_json::{Value, json};

use super::{
    answer::Failure,
    data::{Division, User},
    organisation::Organisation,
};

impl Organisation {
    /// Moves a user to another division, with all of the past. False when there is no such user or division.
    pub fn move_user(&self, id: &str, division: &str) -> bool {
        let moved = self.change(|world| {
            let place = world.plan.divisions.iter().position(|one| one.id == division);
            let place = place.ok_or_else(|| Failure::missing("division", division))?;
            let reference = world.division(place).map(Division::reference);
            let user = world.users.iter_mut().find(|user| user.id == id);
            let user = user.ok_or_else(|| Failure::missing("user", id))?;
            let mut body = user.body();
            set(&mut body, "division", json!(reference));
            user.take(&body);
            user.division = place;
            Ok(())
        });
        moved.is_ok()
    }

    /// Adds so many users to a division. False when there is no such division.
    pub fn add_users(&self, division: &str, count: usize) -> bool {
        let added = self.change(|world| {
            let place = world.plan.divisions.iter().position(|one| one.id == division);
            let place = place.ok_or_else(|| Failure::missing("division", division))?;
            let reference = world.division(place).map(Division::reference);
            for number in 0..count {
                let id = world.next_id();
                let body = json!({
                    "id": id, "name": format!("Added {number:05}"), "email": format!("{id}@added.example"),
                    "division": reference, "state": "active", "version": 1,
                    "selfUri": format!("/api/v2/users/{id}"),
                });
                world.users.push(User::made(&body, place));
            }
            Ok(())
        });
        added.is_ok()
    }
}

fn set(body: &mut Value, field: &str, value: Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}
