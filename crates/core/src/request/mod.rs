//! From a request's body to what is forwarded: which model it means, whether the key may use it,
//! which target serves it, and what of the body changes.

mod fim;
mod guard;
mod media;
mod object;
mod references;
pub mod size;
mod target;
mod tokens;
mod unbounded;
mod value;

use std::borrow::Cow;

pub use self::target::pick as pick_target;

use self::object::{Edits, Object};
use self::size::Size;
use crate::api::Api;
use crate::document::Sticky;
use crate::headers::Headers;
use crate::policy::{KeyId, Model, ModelId, Policy, Target, Tenant};
use crate::refusal::Refusal;

/// What a request asks for, before any rule is applied.
#[derive(Debug)]
pub struct Request<'a> {
    api: Api,
    text: &'a str,
    object: Object<'a>,
    /// The model's name as the client wrote it.
    pub model: Cow<'a, str>,
    /// Whether the answer is a stream of events.
    pub stream: bool,
    /// Whether the client itself asked for the usage event of its stream.
    pub wants_usage_event: bool,
}

/// Where a request may go.
#[derive(Clone, Copy, Debug)]
pub struct Route<'p> {
    /// The model's id.
    pub id: ModelId,
    /// The model it is accounted under.
    pub model: &'p Model,
    /// What serves it.
    pub target: &'p Target,
}

impl<'a> Request<'a> {
    /// Reads a whole body.
    ///
    /// # Errors
    /// 400 for what is not a JSON object in UTF-8, names no model, or gives a field that decides
    /// twice or in a type that servers read differently.
    pub fn read(api: Api, body: &'a [u8]) -> Result<Self, Refusal> {
        if body.is_empty() {
            return Err(Refusal::MissingBody);
        }
        let text = std::str::from_utf8(body).map_err(|error| {
            let at = error.valid_up_to();
            Refusal::InvalidJson(format!("byte {at} is not UTF-8"))
        })?;
        let object = Object::parse(text).map_err(Refusal::InvalidJson)?;
        let Some(model) = object.value("model")? else {
            return Err(value::invalid("model", "is required"));
        };
        let model = value::string("model", model)?;
        let stream = match object.value("stream")? {
            Some(stream) => value::boolean("stream", stream)?,
            None => false,
        };
        let mut request = Self {
            api,
            text,
            object,
            model,
            stream,
            wants_usage_event: false,
        };
        if let Some(options) = request.stream_options()?
            && let Some(asked) = options.value("include_usage")?
        {
            request.wants_usage_event = value::boolean("stream_options.include_usage", asked)?;
        }
        Ok(request)
    }

    /// Which API it is for.
    pub fn api(&self) -> Api {
        self.api
    }

    /// Finds the model, or the one that serves `instead`, and the target. Without a key (a module
    /// that does not authenticate) every model may be used.
    ///
    /// # Errors
    /// 404 or 403 for the model.
    pub fn route<'p>(
        &self,
        policy: &'p Policy,
        key: Option<KeyId>,
        instead: Option<ModelId>,
        headers: Headers<'_>,
    ) -> Result<Route<'p>, Refusal> {
        let asked = || crate::text::printable(self.model.as_bytes());
        let found = instead.or_else(|| policy.model_by_name(&self.model));
        let Some((id, model)) = found.and_then(|id| Some((id, policy.model(id)?))) else {
            return Err(Refusal::ModelNotFound { model: asked() });
        };
        if key.is_some_and(|key| !policy.may_use(key, id)) {
            return Err(Refusal::ModelNotAllowed { model: asked() });
        }
        let tenant = key.and_then(|key| policy.tenant(key));
        let target = self.target(model, tenant, headers)?;
        Ok(Route { id, model, target })
    }

    /// How large it is. `asks_worst_case`: also what makes its prompt larger than its text, for
    /// this model.
    ///
    /// # Errors
    /// 400 for sizes that are none, or that contradict each other.
    pub fn size(&self, model: &Model, asks_worst_case: bool) -> Result<Size, Refusal> {
        let mut size = size::read(self.api, &self.object, self.text)?;
        if asks_worst_case {
            size.unbounded = unbounded::find(self.api, &self.object, &size, model)?;
            size.tool_texts = guard::tool_texts(&self.object)?;
        }
        Ok(size)
    }

    /// Refuses what multiplies work or changes prices in ways that no price table knows of.
    ///
    /// # Errors
    /// 400 for the field.
    pub fn check_chargeable(&self, model: &Model) -> Result<(), Refusal> {
        let checked = guard::chargeable(self.api, &self.object);
        checked.map_err(|refusal| self.forbidden(model).unwrap_or(refusal))
    }

    /// Refuses what may come to any amount.
    ///
    /// # Errors
    /// 400 for the field.
    pub fn check_bounded(&self, size: &Size, model: &Model) -> Result<(), Refusal> {
        let checked = guard::bounded(self.api, &self.object);
        checked.map_err(|refusal| self.forbidden(model).unwrap_or(refusal))?;
        match size.unbounded.filter(|_| model.context.is_none()) {
            Some(field) => {
                let problem = "may make a prompt of any length, the model's rule has no `context`, \
                               and a limit admits only the worst case";
                Err(value::invalid(field, problem))
            }
            None => Ok(()),
        }
    }

    /// What the model's rule refuses, whatever it would cost: that comes first.
    fn forbidden(&self, model: &Model) -> Option<Refusal> {
        guard::check(self.api, &self.object, model, &mut Edits::default()).err()
    }

    /// The body to forward; `None`: as it came. `route` gives the served name and the model's
    /// rules; `metered` makes a stream report its usage; `max_output` is written into it.
    ///
    /// # Errors
    /// 400 for what the model's rules do not allow.
    pub fn rewrite(
        &self,
        route: Option<Route<'_>>,
        metered: bool,
        max_output: Option<u32>,
    ) -> Result<Option<String>, Refusal> {
        let mut edits = Edits::default();
        if let Some(tokens) = max_output {
            size::bind(self.api, tokens, &mut edits);
        }
        if let Some(Route { model, target, .. }) = route {
            if *self.model != *target.model {
                edits.set("model", serde_json::Value::from(&*target.model).to_string());
            }
            guard::check(self.api, &self.object, model, &mut edits)?;
            if self.api == Api::Completions
                && let Some(marks) = &model.fim
            {
                fim::rewrite(&self.object, marks, &mut edits)?;
            }
        }
        if metered && self.stream && self.api.has_stream_options() && !self.wants_usage_event {
            let mut usage = Edits::default();
            usage.set("include_usage", "true".to_owned());
            let options = self.stream_options()?.unwrap_or_default();
            edits.set("stream_options", options.render(&usage));
        }
        Ok((!edits.is_empty()).then(|| self.object.render(&edits)))
    }

    fn target<'p>(
        &self,
        model: &'p Model,
        tenant: Option<Tenant<'_>>,
        headers: Headers<'_>,
    ) -> Result<&'p Target, Refusal> {
        let tenant = tenant.unwrap_or(Tenant {
            organization: "",
            team: "",
            key: "",
        });
        let organization = tenant.organization.as_bytes();
        let team = tenant.team.as_bytes();
        let key = tenant.key.as_bytes();
        let mut identity = [organization, team, key, b""];
        let mut session = Cow::Borrowed("");
        for sticky in &model.sticky {
            match sticky {
                Sticky::Organization => identity = [organization, b"", b"", b""],
                Sticky::Team => identity = [organization, team, b"", b""],
                Sticky::Key => {}
                Sticky::Header(name) => match headers.first(name) {
                    Some(value) if !value.is_empty() => {
                        identity = [organization, team, key, value];
                    }
                    _ => continue,
                },
                Sticky::Field(name) => match self.object.value(name)? {
                    Some(value) => session = value::string(name, value)?,
                    None => continue,
                },
            }
            break;
        }
        if !session.is_empty() {
            identity = [organization, team, key, session.as_bytes()];
        }
        target::pick(model, &identity).ok_or(Refusal::Internal("the model has no target"))
    }

    /// The object under `stream_options`, where the API has it and streams.
    fn stream_options(&self) -> Result<Option<Object<'a>>, Refusal> {
        if !self.stream || !self.api.has_stream_options() {
            return Ok(None);
        }
        let Some(options) = self.object.value("stream_options")? else {
            return Ok(None);
        };
        let options = Object::parse(options);
        options
            .map(Some)
            .map_err(|problem| value::invalid("stream_options", &problem))
    }
}
